import { render } from '@testing-library/svelte';
import { tick, type Component } from 'svelte';
import AppView from '~/App.svelte';
import { FixtureRuntime } from '~/runtime/fixture';
import type { Stage } from '~/runtime/types';
import { App } from '~/state/app.svelte';
import { router } from '~/state/router.svelte';
import Stand from './Stand.svelte';

/** Lets what was asked be answered and drawn. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 6; turn += 1) {
    await Promise.resolve();
    await tick();
  }
}

/** One screen, as it stands in the app. */
export async function screen<Props extends Record<string, unknown>>(
  component: Component<Props>,
  runtime: FixtureRuntime,
  props: Props = {} as Props,
) {
  const app = new App(runtime);
  const view = render(Stand as unknown as Component<Record<string, unknown>>, {
    props: { app, screen: component as unknown as Component<Record<string, unknown>>, props },
  });
  await settle();
  return { ...view, app, runtime };
}

/** The whole app in a stage, at an address within it. */
export async function wholeApp(stage: Stage, at = '#/inbox') {
  const runtime = new FixtureRuntime(stage);
  location.hash = at;
  router.read();
  const app = new App(runtime);
  const view = render(AppView, { props: { app } });
  await settle();
  return { ...view, app, runtime };
}
