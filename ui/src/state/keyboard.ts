/** Whether keys are being typed into something. */
function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.matches('input:not([type=checkbox], [type=radio]), textarea, select');
}

export type Shortcuts = Partial<Record<string, (event: KeyboardEvent) => void>>;

/**
 * Listens for single keys until the answer is called. Not while something is typed, a dialog is open or a modifier is
 * held; a key that is held down counts once, except for moving.
 */
export function onKeys(shortcuts: Shortcuts): () => void {
  function down(event: KeyboardEvent) {
    const action = shortcuts[event.key];
    if (!action || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (isTyping(event.target) || document.querySelector('dialog[open]')) return;
    if (event.repeat && !['j', 'k', 'ArrowDown', 'ArrowUp'].includes(event.key)) return;
    action(event);
  }
  window.addEventListener('keydown', down);
  return () => window.removeEventListener('keydown', down);
}
