import type { IconName } from '~/design/icons/paths';
import type { Arguments, Display, Flag, Item, Kind, Text } from '~/runtime/types';

/** An argument whose value is a text of some kind. */
export interface Telling {
  item: Item;
  text: Text;
}

// What tells most of what a call does, the most telling first.
const ORDER: readonly Kind[] = [
  'command',
  'amount',
  'recipient',
  'url',
  'host',
  'path',
  'document',
  'name',
  'text',
  'number',
  'flag',
  'json',
];

export const KIND_ICONS: Record<Kind, IconName> = {
  command: 'terminal',
  amount: 'banknote',
  recipient: 'user',
  url: 'globe',
  host: 'server',
  path: 'folder',
  document: 'file-text',
  name: 'type',
  text: 'type',
  number: 'hash',
  flag: 'toggle-left',
  json: 'braces',
};

/** The text of an argument's value, where it has one. */
export function textOf(item: Item): Text | null {
  return 'text' in item.value ? item.value.text : null;
}

/** The most telling arguments, for a line in a list. */
export function telling(args: Arguments, most: number): Telling[] {
  return args.items
    .flatMap((item) => {
      const text = textOf(item);
      return text ? [{ item, text }] : [];
    })
    .sort((a, b) => ORDER.indexOf(a.item.kind) - ORDER.indexOf(b.item.kind))
    .slice(0, most);
}

/** The cautions that stand beside the arguments' names and values. */
export function argumentFlags(args: Arguments): Flag[] {
  return args.items.flatMap((item) => [...item.name.flags, ...(textOf(item)?.flags ?? [])]);
}

/** How much in a request may deceive, and stands where a list shows only its beginning. */
export function cautions({ who, tool, server, arguments: args }: Display): number {
  const texts = [who.agent, who.program, who.folder, who.host, tool, server, ...args.items.map(textOf)];
  const hides = (text: Text) => [...text.head, ...text.rest].some((piece) => piece.segment === 'chip');
  return texts.filter((text) => text !== null && (text.flags.length > 0 || hides(text))).length;
}
