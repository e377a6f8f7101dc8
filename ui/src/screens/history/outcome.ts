import type { IconName } from '~/design/icons/paths';
import type { State } from '~/runtime/types';

export interface OutcomeLook {
  tone: 'neutral' | 'accent' | 'good' | 'warn' | 'bad';
  icon: IconName;
  word: string;
  /** What it means, in a sentence. */
  sentence: string;
}

/** How a state looks and reads; each differs by shape and words, not by colour alone. */
export const LOOKS: Record<State, OutcomeLook> = {
  pending: { tone: 'accent', icon: 'clock', word: 'Waiting', sentence: 'Nobody has answered yet.' },
  approved: { tone: 'accent', icon: 'check', word: 'Approved', sentence: 'It was approved; the agent has not taken it yet.' },
  claimed: { tone: 'accent', icon: 'play', word: 'Running', sentence: 'It was approved and the agent took it; the tool may be running.' },
  executed: { tone: 'good', icon: 'circle-check', word: 'Ran', sentence: 'It was approved, and the tool ran.' },
  failed: { tone: 'bad', icon: 'circle-x', word: 'Failed', sentence: 'It was approved; the tool ran into an error.' },
  unknown: { tone: 'warn', icon: 'circle-question-mark', word: 'Not known', sentence: 'It was approved; the agent went silent. Nobody knows whether the tool ran.' },
  denied: { tone: 'bad', icon: 'ban', word: 'Denied', sentence: 'It was denied; nothing was run.' },
  expired: { tone: 'warn', icon: 'clock', word: 'Nobody answered', sentence: 'Its time ran out; nothing was run.' },
  cancelled: { tone: 'neutral', icon: 'undo-2', word: 'Withdrawn', sentence: 'The agent withdrew it; nothing was run.' },
  revoked: { tone: 'neutral', icon: 'undo-2', word: 'Taken back', sentence: 'The approval was taken back before the agent took it; nothing was run.' },
};

/** Whether nothing more will come of it. */
export function isOver(state: State): boolean {
  return state !== 'pending' && state !== 'approved' && state !== 'claimed';
}
