/** The longest name of a device or a person. */
export const MAX_NAME = 60;

/** What is wrong with a name, in a sentence. */
export function nameFault(name: string, of: 'device' | 'owner'): string | null {
  const typed = name.trim();
  if (typed === '') return of === 'device' ? 'A device needs a name.' : 'Write whose device it is.';
  if ([...typed].length > MAX_NAME) return `At most ${MAX_NAME} characters.`;
  // Control and format characters: what is shown of them elsewhere is not what was typed.
  if (/[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]/u.test(typed)) return 'It holds hidden characters; type it anew.';
  return null;
}
