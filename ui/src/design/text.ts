import type { Flag, Segment, Text } from '~/runtime/types';

const SPELLED_RUN = 8;

/** A number with commas between thousands. */
export function grouped(number: number): string {
  return number.toLocaleString('en-US');
}

/** The text as plain characters with hidden ones spelled out: for labels and titles, never for markup. */
export function plain(text: Text): string {
  const folded = text.more > 0 ? `⟦… ${grouped(text.more)} more characters⟧` : '';
  return text.head.map(spelled).join('') + folded;
}

/** The original characters. */
export function raw(text: Text): string {
  return [...text.head, ...text.rest].map(original).join('');
}

function spelled(segment: Segment): string {
  switch (segment.segment) {
    case 'plain':
      return segment.text;
    case 'chip':
      return `⟦${segment.code} ${segment.name}${segment.count > 1 ? ` ×${segment.count}` : ''}⟧`;
    case 'space':
      return segment.count <= SPELLED_RUN ? '␣'.repeat(segment.count) : `⟦${segment.count} spaces⟧`;
    case 'break':
      return ' ';
  }
}

function original(segment: Segment): string {
  switch (segment.segment) {
    case 'plain':
      return segment.text;
    case 'chip':
      return segment.raw.repeat(segment.count);
    case 'space':
      return ' '.repeat(segment.count);
    case 'break':
      return '\n';
  }
}

/** One sentence for a person, as the terminal and the signed display have it. */
export function sentence(flag: Flag): string {
  switch (flag.flag) {
    case 'mixed_scripts': {
      const like = flag.like === null ? '' : ` and looks like “${flag.like}”`;
      return `“${flag.word}” mixes ${flag.scripts.join(' and ')} letters${like}.`;
    }
    case 'looks_like':
      return `“${flag.word}” only looks like “${flag.like}”.`;
    case 'punycode':
      return `“${flag.word}” is an encoded name; elsewhere it looks different.`;
    case 'foreign_host':
      return `The host “${flag.word}” has letters beyond plain Latin.`;
    case 'user_info':
      return `What stands before the @ is not the host; the host is “${flag.host}”.`;
    case 'right_to_left':
      return 'Some letters run from right to left and may change the order on screen.';
    case 'more':
      return `${flag.count} more words like these.`;
  }
}

// Controls, invisible and private characters, and spaces that are no space.
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0\u034f\u2800]|[^\P{Zs} ]/gu;

/** A raw name in a label: what nobody would see becomes its code point. */
export function safe(text: string): string {
  return text.replace(UNSEEN, (char) => `⟦U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟧`);
}
