/** How long, as a countdown shows it: `42 s`, `4:09`, `1 h 05 min`. */
export function timeLeft(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
  if (whole < 48 * 3600) return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
  return `${Math.floor(whole / 86_400)} days`;
}

/** How long, in rough words: `a moment`, `5 min`, `2 h`, `3 days`. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 45) return 'a moment';
  if (whole < 3600) return `${Math.max(1, Math.round(whole / 60))} min`;
  if (whole < 36 * 3600) return `${Math.round(whole / 3600)} h`;
  const days = Math.round(whole / 86_400);
  return days === 1 ? '1 day' : `${days} days`;
}

/** How long ago, in rough words. */
export function ago(then: number, now: number): string {
  return now - then < 45 ? 'just now' : `${span(now - then)} ago`;
}

/** Day and time, as this computer writes them. */
export function moment(at: number): string {
  return new Date(at * 1000).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}

/** The time alone, to the second. */
export function timeOfDay(at: number): string {
  return new Date(at * 1000).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
}

/** The day alone. */
export function day(at: number): string {
  return new Date(at * 1000).toLocaleDateString(undefined, { dateStyle: 'medium' });
}
