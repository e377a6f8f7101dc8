import type { CardView, Phase, Step, Verdict } from '~/runtime/types';
import type { StepState, StepView } from '~/design/Steps.svelte';

/** Whether it waits for this device's answer. The clock counts, not only what was told. */
export function isWaiting(card: CardView, now: number): boolean {
  return (card.phase.phase === 'open' || card.phase.phase === 'unsure') && now <= card.display.deadline;
}

/** How it stands, with the clock taken into account. */
export function phaseNow(card: CardView, now: number): Phase {
  const isOpen = card.phase.phase === 'open' || card.phase.phase === 'unsure';
  return isOpen && now > card.display.deadline ? { phase: 'expired' } : card.phase;
}

/** Whether nothing more will come of it. */
export function isOver(phase: Phase): boolean {
  switch (phase.phase) {
    case 'open':
    case 'unsure':
      return false;
    case 'answered_here':
    case 'answered_elsewhere':
      return ['denied', 'executed', 'failed', 'unknown'].includes(phase.step);
    case 'cancelled':
    case 'expired':
    case 'revoked':
      return true;
  }
}

const ORDER: readonly Step[] = ['signed', 'stored', 'denied', 'approved', 'claimed', 'executed', 'failed', 'unknown'];

/** Whether going from one phase to the other is a step forward: late news of early steps is no news. */
export function isForward(from: Phase, to: Phase): boolean {
  if (isOver(from)) return false;
  const has = (phase: Phase) => phase.phase === 'answered_here' || phase.phase === 'answered_elsewhere';
  if (has(from) && (to.phase === 'open' || to.phase === 'unsure')) return false;
  if ('step' in from && 'step' in to) return ORDER.indexOf(to.step) >= ORDER.indexOf(from.step);
  return true;
}

/** The waiting ones, the nearest deadline first. */
export function waiting(cards: readonly CardView[], now: number): CardView[] {
  return cards.filter((card) => isWaiting(card, now)).sort(byDeadline);
}

/** The answered and ended ones, the latest first. */
export function recent(cards: readonly CardView[], now: number): CardView[] {
  return cards
    .filter((card) => !isWaiting(card, now))
    .sort((a, b) => Number(isOver(a.phase)) - Number(isOver(b.phase)) || b.display.asked - a.display.asked);
}

export function byDeadline(a: CardView, b: CardView): number {
  return a.display.deadline - b.display.deadline || (a.id < b.id ? -1 : 1);
}

export type Tone = 'neutral' | 'accent' | 'good' | 'warn' | 'bad';

/** How a card stands, in words. */
export interface StandingWords {
  tone: Tone;
  title: string;
  detail: string;
}

const VERDICTS: Record<Verdict, string> = { approve: 'Approved', deny: 'Denied', modify: 'Approved with changes' };

/** The words for a phase: what happened, and what that means for the agent. */
export function words(phase: Phase): StandingWords {
  switch (phase.phase) {
    case 'open':
      return { tone: 'accent', title: 'Waits for your answer', detail: '' };
    case 'unsure':
      return {
        tone: 'warn',
        title: 'Not known whether it still waits',
        detail: 'The connection was lost. It can be answered as soon as it is back.',
      };
    case 'answered_here':
      return answered(VERDICTS[phase.verdict], phase.step);
    case 'answered_elsewhere': {
      const by = phase.by.length > 0 ? phase.by.join(' and ') : 'another device';
      return answered(`Answered on ${by}`, phase.step);
    }
    case 'cancelled':
      return { tone: 'neutral', title: 'No longer needed', detail: 'The agent withdrew it before anyone answered.' };
    case 'expired':
      return {
        tone: 'warn',
        title: 'Nobody answered',
        detail: 'Its time is over. Nothing was run, and the agent was told that nobody answered.',
      };
    case 'revoked':
      return { tone: 'bad', title: 'Approval taken back', detail: 'The agent had not taken it yet; nothing was run.' };
  }
}

function answered(title: string, step: Step): StandingWords {
  switch (step) {
    case 'signed':
      return { tone: 'accent', title, detail: 'Signed here. It is handed over as soon as the daemon can be reached.' };
    case 'stored':
      return { tone: 'accent', title, detail: 'Handed over. More devices may have to answer.' };
    case 'approved':
      return { tone: 'accent', title, detail: 'Waiting for the agent to take it.' };
    case 'claimed':
      return { tone: 'accent', title, detail: 'The agent took it; the tool may be running.' };
    case 'executed':
      return { tone: 'good', title, detail: 'Done. The tool ran.' };
    case 'denied':
      return { tone: 'neutral', title, detail: 'The agent was told no; nothing was run.' };
    case 'failed':
      return { tone: 'bad', title, detail: 'The tool ran into an error.' };
    case 'unknown':
      return { tone: 'warn', title, detail: 'The agent went silent. Nobody knows whether the tool ran.' };
  }
}

/** The way of an answer, step by step; nothing for a card that has none. */
export function steps(phase: Phase): StepView[] {
  if (phase.phase !== 'answered_here' && phase.phase !== 'answered_elsewhere') return [];
  const { step } = phase;
  const isHere = phase.phase === 'answered_here';
  const isDenial = step === 'denied' || (isHere && phase.verdict === 'deny');
  const at = (reached: boolean, current: boolean): StepState => (reached ? 'done' : current ? 'now' : 'next');
  const reached = (other: Step) => ORDER.indexOf(step) >= ORDER.indexOf(other);
  const first: StepView[] = [
    { label: isHere ? 'Signed here' : 'Signed', state: 'done' },
    { label: 'Stored', state: at(reached('stored'), step === 'signed') },
  ];
  if (isDenial) return [...first, { label: 'Agent told', state: at(step === 'denied', step === 'stored') }];
  const taken: StepView = { label: 'Agent took it', state: at(reached('claimed'), step === 'approved') };
  if (step === 'failed') return [...first, taken, { label: 'Failed', state: 'failed' }];
  if (step === 'unknown') return [...first, taken, { label: 'Not known', state: 'failed' }];
  return [...first, taken, { label: 'Ran', state: at(step === 'executed', step === 'claimed') }];
}
