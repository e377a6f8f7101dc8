import { mount } from 'svelte';
import App from './App.svelte';
import './design/base.css';
import type { Runtime } from './runtime/runtime';
import { App as State } from './state/app.svelte';

async function runtime(): Promise<Runtime> {
  if (__BRIDGE__) return (await import('./runtime/bridge')).bridgeHere();
  return (await import('./runtime/tauri')).tauri();
}

void runtime().then((found) => {
  mount(App, { target: document.querySelector('#app') as HTMLElement, props: { app: new State(found) } });
});
