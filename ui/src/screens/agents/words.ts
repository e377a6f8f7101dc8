import type { IconName } from '~/design/icons/paths';
import type { AgentInfo, AgentKind, AgentState } from '~/runtime/types';

export interface KindWords {
  name: string;
  icon: IconName;
  /** What it protects against, and what it does not. */
  reach: string;
}

/** What stands between the model and the tool, and how far that holds. */
export const KINDS: Record<AgentKind, KindWords> = {
  sdk: {
    name: 'Library in the agent’s program',
    icon: 'code',
    reach:
      'The tools that were wrapped ask before they run. It guards against a model that is wrong or was talked into something; code in the same program could go around it.',
  },
  hook: {
    name: 'Hook of a coding agent',
    icon: 'terminal',
    reach:
      'Each tool call is stopped before it runs. It holds as long as that program calls its hook; what an approved command starts by itself is not asked about again.',
  },
  gateway: {
    name: 'Gateway in front of the tools',
    icon: 'server',
    reach:
      'The tools are reached only through it, so the agent cannot go around it for these. Other tools the agent has are not covered.',
  },
};

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
