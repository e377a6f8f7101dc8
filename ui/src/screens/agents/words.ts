import type { IconName } from '~/design/icons/paths';
import type { AgentInfo, AgentKind, AgentState } from '~/runtime/types';

/** What stands between the model and the tool. */
export const KIND_ICONS: Record<AgentKind, IconName> = { sdk: 'code', hook: 'terminal', gateway: 'server' };

export type Standing = AgentState | 'paused';

export interface StandingLook {
  word: string;
  tone: 'neutral' | 'accent' | 'good' | 'warn' | 'bad';
  icon: IconName;
}

export const STANDINGS: Record<Standing, StandingLook> = {
  pending: { word: 'Waits for your answer', tone: 'accent', icon: 'clock' },
  enrolled: { word: 'May ask', tone: 'good', icon: 'circle-check' },
  paused: { word: 'Paused', tone: 'warn', icon: 'pause' },
  revoked: { word: 'Revoked', tone: 'bad', icon: 'ban' },
  refused: { word: 'Refused', tone: 'neutral', icon: 'circle-x' },
};

/** How an agent stands, with the kill switch taken into account. */
export function standing(agent: AgentInfo, isPaused: boolean): Standing {
  return agent.state === 'enrolled' && isPaused ? 'paused' : agent.state;
}

const ORDER: readonly Standing[] = ['pending', 'enrolled', 'paused', 'refused', 'revoked'];

/** Those that may ask first, the latest first among equals. */
export function sorted(agents: readonly AgentInfo[]): AgentInfo[] {
  return [...agents].sort(
    (a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || (b.last_asked ?? 0) - (a.last_asked ?? 0),
  );
}
