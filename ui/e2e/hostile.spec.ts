// More than 500 strings made to deceive, each wherever an agent may write, taken apart by the real device: none is
// drawn raw, none becomes an element, none gets into the window's title, and what hides has a chip or a caution.
import type { Page } from '@playwright/test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CardView, Stage } from '~/runtime/types';
import { expect, test, watch } from './desk';
import { Window } from './stage';
import { root } from './machine';
import { NOW, runtime } from './states';

interface List {
  groups: { name: string; pointed_out: boolean; texts: string[] }[];
}

const list = JSON.parse(readFileSync(join(root, 'crates/approver/tests/spoofing.json'), 'utf8')) as List;

/** What must never stand in a page's text as itself. */
const NEVER = String.raw`[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\p{Variation_Selector}\p{Me}]`;

const MAX_ARGUMENTS = 40;

/** What a program can be handed: no null, and nothing that no message may hold. */
const sendable = (text: string) => !/[\0\p{Noncharacter_Code_Point}]/u.test(text) && text.length <= 200;

/** Everything in the page that is drawn and must not be: raw characters in text, attributes or the title. */
async function drawn(page: Page): Promise<string[]> {
  return page.evaluate((pattern) => {
    const never = new RegExp(pattern, 'u');
    const found: string[] = [];
    const tell = (where: string, text: string) => {
      // The layout of the page's own source, and line breaks in a text of several lines, are no disguise.
      const bad = never.exec(text.replace(/[\n\t]/g, ' '));
      if (bad) found.push(`${where}: U+${bad[0].codePointAt(0)?.toString(16)} in ${JSON.stringify(text.slice(0, 80))}`);
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) tell('text', node.nodeValue ?? '');
    for (const element of document.querySelectorAll('*')) {
      for (const { name, value } of element.attributes) if (name !== 'd' && name !== 'class') tell(`${element.tagName} ${name}`, value);
      if (element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement) tell(`${element.tagName} value`, element.value);
    }
    tell('title', document.title);
    return found;
  }, NEVER);
}

/** Elements that only an agent's text could have made. */
const foreign = (page: Page) =>
  page.evaluate(() => {
    const tags = 'script:not([src]), iframe, object, embed, base, link[href^="//"], meta[http-equiv], marquee, math, template, style:not([data-svelte]), [onerror], [onload], [onclick], [ontoggle], [onfocus], a[href^="javascript:"], img';
    return [...document.querySelectorAll(tags)].map((one) => one.outerHTML.slice(0, 120));
  });

test('there are more than 500', () => {
  expect(list.groups.flatMap((group) => group.texts).length).toBeGreaterThanOrEqual(500);
});

test('each of them, on a card that the real device made', async ({ desk, page }) => {
  test.setTimeout(90_000);
  const texts = list.groups.flatMap((group) => group.texts).filter(sendable);
  expect(texts.length).toBeGreaterThanOrEqual(500);
  // A few dozen arguments to a card, all cards of one agent.
  const cards: CardView[] = [];
  for (let at = 0; at < texts.length; at += MAX_ARGUMENTS) {
    const part = texts.slice(at, at + MAX_ARGUMENTS);
    const args = Object.fromEntries(part.map((text, place) => [`a${place}`, JSON.stringify(text)]));
    const asking = await desk.askAsKnown({ args, title: part[0], reason: part[1] ?? 'x', command: ['true'] });
    const card = await desk.card();
    cards.push(card);
    await desk.command({ command: 'deny', card: card.id, shown: card.shown, note: null });
    await asking.ended;
  }

  const troubles = watch(page);
  const window = await Window.on(page, NOW);
  const snapshot = await desk.snapshot();
  const soon = cards.map((card, at) => ({ ...card, display: { ...card.display, asked: NOW - 10, deadline: NOW + 600 + at } }));
  const stage: Stage = { stage: 'ready', snapshot: { ...snapshot, cards: soon }, daemon: { daemon: 'running', paired: true } };
  const state = { name: 'hostile', stage, at: '#/inbox' };
  await window.open(runtime(state), state.at);
  await expect(page.getByRole('region', { name: 'Waiting for your answer' }).getByRole('listitem')).toHaveCount(cards.length);
  expect(await drawn(page), 'the inbox').toEqual([]);
  for (const card of soon) {
    await page.evaluate((id) => (location.hash = `#/request/${id}`), card.id);
    const article = page.locator(`article[data-request="${card.id}"]`);
    await article.waitFor();
    const more = article.getByRole('button', { name: /^[\d,]+ more / });
    while ((await more.count()) > 0) await more.first().click();
    expect.soft(await drawn(page), card.display.story.title?.head.map((one) => ('text' in one ? one.text : '')).join('')).toEqual([]);
    expect.soft(await foreign(page)).toEqual([]);
    expect(await page.title()).toMatch(/^\(\d+\) AgentTrust ID$/);
    // Every chip that the device made is there, and says which character it stands for.
    const chips = new Set(JSON.stringify(card.display.arguments).match(/U\+[0-9A-F]{4,6}/g) ?? []);
    const text = (await article.textContent()) ?? '';
    expect.soft([...chips].filter((chip) => !text.includes(chip)), 'chips that are not on the page').toEqual([]);
    const cautions = card.display.arguments.items.filter((item) => 'text' in item.value && item.value.text.flags.length > 0);
    if (cautions.length > 0) await expect.soft(article.getByText('Unusual about this').first()).toBeVisible();
  }
  expect(troubles).toEqual([]);
});
