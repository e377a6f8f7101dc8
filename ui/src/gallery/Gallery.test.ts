import { render } from '@testing-library/svelte';
import { expect, it } from 'vitest';
import { expectAccessible } from '~/test/axe';
import Gallery from './Gallery.svelte';

it('shows every component, and none keeps anyone out', async () => {
  const all = Object.keys(import.meta.glob('../design/*.svelte')).map((path) => path.replace('../design/', ''));
  const source = Object.values(import.meta.glob('./Gallery.svelte', { query: '?raw', import: 'default', eager: true }));
  // These stand within others, or are the frame of a page.
  const within = ['Cautions', 'Field', 'Mark', 'Page', 'Segments', 'Spinner'].map((name) => `${name}.svelte`);
  const missing = all.filter((name) => !within.includes(name) && !String(source[0]).includes(`~/design/${name}`));
  expect(missing).toEqual([]);
  const { container } = render(Gallery);
  // Both themes show the same, so their landmarks and headings come twice.
  await expectAccessible(container, ['landmark-unique', 'heading-order']);
}, 120_000);
