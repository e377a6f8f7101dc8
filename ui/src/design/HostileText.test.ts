import { render, screen } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { block, line } from '~/fixtures/text';
import HostileText from './HostileText.svelte';
import { plain, raw, safe, sentence } from './text';

/** What stands on the page, without what only screen readers get. */
function seen(container: Element): string {
  const copy = container.cloneNode(true) as Element;
  copy.querySelectorAll('.visually-hidden').forEach((node) => node.remove());
  return copy.textContent ?? '';
}

describe('HostileText', () => {
  it('shows markup as the characters it is made of', () => {
    const markup = '<img src=x onerror=alert(1)><script>alert(2)</script>&amp;';
    const { container } = render(HostileText, { text: line(markup) });
    expect(container.querySelector('img, script')).toBeNull();
    expect(seen(container)).toBe(markup);
  });

  it('names hidden characters and how often they stand there', () => {
    const { container } = render(HostileText, { text: line('a\u202eb\u200b\u200bc') });
    expect(seen(container)).toBe('aU+202E right-to-left overridebU+200B zero width space ×2c');
    expect(container.textContent).not.toMatch(/[\u202e\u200b]/);
  });

  it('shows spaces that would be overlooked, and counts many', () => {
    const { container } = render(HostileText, { text: line(`a   b${' '.repeat(20)}c`) });
    expect(seen(container)).toBe('a␣␣␣b20 spacesc');
    expect(container.textContent).toContain('3 spaces');
  });

  it('isolates every piece and keeps the direction of values', () => {
    const { container } = render(HostileText, { text: line('אבג\u202e200') });
    expect(container.querySelector('.text')?.getAttribute('dir')).toBe('ltr');
    const pieces = [...container.querySelectorAll('bdi')].map((piece) => piece.textContent);
    expect(pieces).toEqual(['אבג', '200']);
  });

  it('keeps line breaks of a block and shows them in a preview', () => {
    const text = block('one\ntwo');
    expect(render(HostileText, { text }).container.querySelectorAll('br')).toHaveLength(1);
    const preview = render(HostileText, { text, preview: true }).container;
    expect(preview.querySelector('br')).toBeNull();
    expect(seen(preview)).toBe('one↵two');
  });

  it('says how much is folded away and opens all of it', async () => {
    const long = 'a'.repeat(400) + 'b'.repeat(1204);
    const { container } = render(HostileText, { text: line(long) });
    expect(seen(container)).toBe(`${'a'.repeat(400)}1,204 more characters`);
    await userEvent.click(screen.getByRole('button', { name: '1,204 more characters' }));
    expect(seen(container)).toBe(long);
    expect(screen.queryByRole('button')).toBeNull();
  });

  it('folds again when another text takes its place', async () => {
    const view = render(HostileText, { text: line('a'.repeat(500)) });
    await userEvent.click(screen.getByRole('button'));
    await view.rerender({ text: line('b'.repeat(500)) });
    expect(screen.getByRole('button', { name: '100 more characters' })).toBeTruthy();
  });

  it('tells what may deceive below the text', () => {
    render(HostileText, {
      text: line('pаypal', [{ flag: 'mixed_scripts', word: 'pаypal', scripts: ['Latin', 'Cyrillic'], like: 'paypal' }]),
      cautions: true,
    });
    expect(screen.getByRole('list', { name: 'Cautions' }).textContent).toContain(
      '“pаypal” mixes Latin and Cyrillic letters and looks like “paypal”.',
    );
  });

  // Every character up to the end of the basic plane that Unicode calls control or format, in turn.
  it('lets no control or format character through', () => {
    for (let code = 0; code < 0x10000; code += 1) {
      const char = String.fromCharCode(code);
      if (!/[\p{Cc}\p{Cf}]/u.test(char)) continue;
      const chip = { segment: 'chip' as const, raw: char, count: 1, code: `U+${code.toString(16)}`, name: 'hidden' };
      const { container, unmount } = render(HostileText, {
        text: { head: [chip], rest: [], more: 0, block: false, flags: [] },
      });
      expect(container.textContent).not.toContain(char);
      unmount();
    }
  });
});

describe('text as plain characters', () => {
  it('spells hidden characters out in labels and keeps the raw text whole', () => {
    const text = line(`a\u202eb  c${'d'.repeat(500)}`);
    expect(plain(text)).toMatch(/^a⟦U\+202E right-to-left override⟧b␣␣cd+⟦… 106 more characters⟧$/);
    expect(raw(text)).toBe(`a\u202eb  c${'d'.repeat(500)}`);
    expect(safe('a\u202eb\u00a0')).toBe('a⟦U+202E⟧b⟦U+00A0⟧');
  });

  it('has a sentence for every flag', () => {
    const flags = [
      sentence({ flag: 'mixed_scripts', word: 'a', scripts: ['Latin', 'Greek'], like: null }),
      sentence({ flag: 'looks_like', word: 'a', like: 'b' }),
      sentence({ flag: 'punycode', word: 'xn--a' }),
      sentence({ flag: 'foreign_host', word: 'ü.example' }),
      sentence({ flag: 'user_info', host: 'evil.example' }),
      sentence({ flag: 'right_to_left' }),
      sentence({ flag: 'more', count: 3 }),
    ];
    expect(flags).toEqual([
      '“a” mixes Latin and Greek letters.',
      '“a” only looks like “b”.',
      '“xn--a” is an encoded name; elsewhere it looks different.',
      'The host “ü.example” has letters beyond plain Latin.',
      'What stands before the @ is not the host; the host is “evil.example”.',
      'Some letters run from right to left and may change the order on screen.',
      '3 more words like these.',
    ]);
  });
});
