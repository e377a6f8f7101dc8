/** What a screen reader is told. The same words twice are told twice: each gets a number. */
class Announcer {
  polite = $state.raw({ words: '', count: 0 });
  urgent = $state.raw({ words: '', count: 0 });

  /** When it is convenient. */
  say(words: string): void {
    this.polite = { words, count: this.polite.count + 1 };
  }

  /** At once. */
  interrupt(words: string): void {
    this.urgent = { words, count: this.urgent.count + 1 };
  }
}

export const announcer = new Announcer();
