import { detailOf, errorBody } from '~/runtime/runtime';
import type { CardView, Edits, Preview } from '~/runtime/types';
import type { App } from '~/state/app.svelte';

const PAUSE = 200;

// What a form field would hide, or change, while it is edited: controls other than line breaks, invisible and private
// characters, spaces that are no space, and piled-up marks.
const HIDDEN = /[^\P{C}\n\t]|[\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0\u034f\u2800]|[^\P{Zs} ]|\p{M}{5}/u;

/** Whether a value cannot be edited in a plain form field without danger. */
export function isHiding(value: string): boolean {
  return HIDDEN.test(value);
}

/** The arguments of a call while a person edits them. The device tells what each edit would make of the card. */
export class Editing {
  mode = $state<'fields' | 'json'>('fields');
  /** What stands in the fields, by path. */
  values = $state<Record<string, string>>({});
  json = $state('');
  /** What the edit as it stands would make of the card; absent while that is not known. */
  preview = $state.raw<Preview | null>(null);
  /** Why the edit as it stands cannot be taken, and which field that is about. */
  error = $state.raw<{ path: string | null; message: string } | null>(null);
  /** Whether the device has yet to say what the latest edit makes of the card. */
  isPending = $state(false);

  #app: App;
  #card: CardView;
  #last: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  // Only the answer to the latest question counts.
  #asked = 0;

  constructor(app: App, card: CardView) {
    this.#app = app;
    this.#card = card;
    this.values = Object.fromEntries(card.fields.map((field) => [field.path, field.value]));
    this.json = card.json;
  }

  /** The edit as it is sent; null while nothing is different. */
  get edits(): Edits | null {
    if (this.mode === 'json') return this.json === this.#card.json ? null : { json: this.json };
    const changed = this.#card.fields.filter((field) => this.values[field.path] !== field.value);
    if (changed.length === 0) return null;
    return { fields: Object.fromEntries(changed.map((field) => [field.path, this.values[field.path] ?? ''])) };
  }

  /** Whether what is shown is what would be signed. */
  get isSettled(): boolean {
    return this.preview !== null && !this.isPending && this.error === null;
  }

  set(path: string, value: string): void {
    this.values[path] = value;
    this.#last = path;
    this.#changed();
  }

  setJson(text: string): void {
    this.json = text;
    this.#last = null;
    this.#changed();
  }

  /** Goes on in the other form with what was edited so far; answers whether that can be. */
  turn(mode: 'fields' | 'json'): boolean {
    if (mode === this.mode) return true;
    if (this.isPending || this.error !== null) return false;
    if (mode === 'json') {
      this.json = this.preview?.json ?? this.#card.json;
    } else {
      const fields = this.preview?.fields ?? this.#card.fields;
      const paths = this.#card.fields.map((field) => field.path);
      if (fields.length !== paths.length || fields.some((field, at) => field.path !== paths[at])) return false;
      this.values = Object.fromEntries(fields.map((field) => [field.path, field.value]));
    }
    this.mode = mode;
    this.#changed();
    return true;
  }

  /** Nothing more is asked. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#asked += 1;
  }

  #changed(): void {
    clearTimeout(this.#timer);
    this.#asked += 1;
    this.error = null;
    const { edits } = this;
    this.isPending = edits !== null;
    if (edits === null) this.preview = null;
    else this.#timer = setTimeout(() => void this.#ask(edits), PAUSE);
  }

  async #ask(edit: Edits): Promise<void> {
    const asked = this.#asked;
    try {
      const preview = await this.#app.device({ command: 'preview', card: this.#card.id, edit });
      if (asked !== this.#asked) return;
      this.preview = preview.display.edits?.length ? preview : null;
    } catch (thrown) {
      if (asked !== this.#asked) return;
      this.preview = null;
      this.error = { path: this.#last, message: detailOf(errorBody(thrown)) };
    }
    this.isPending = false;
  }
}
