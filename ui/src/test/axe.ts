import axe from 'axe-core';
import { expect } from 'vitest';

// Without a layout no colour and no size can be told; the browser tests look at those.
const OFF = ['color-contrast', 'target-size', 'scrollable-region-focusable', 'region'];

/** Finds nothing that keeps anyone out. */
export async function expectAccessible(container: Element, off: string[] = []): Promise<void> {
  const { violations } = await axe.run(container, {
    rules: Object.fromEntries([...OFF, ...off].map((rule) => [rule, { enabled: false }])),
    resultTypes: ['violations'],
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  });
  const found = violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html}`));
  expect(found).toEqual([]);
}
