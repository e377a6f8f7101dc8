import type { Risk } from '~/runtime/types';
import type { IconName } from './icons/paths';

export interface RiskLook {
  tone: 'none' | 'low' | 'medium' | 'high' | 'critical';
  icon: IconName;
  word: string;
  sentence: string;
}

/** Each level differs by shape and words, not by colour alone. */
export const RISKS: Record<Risk | 'none', RiskLook> = {
  none: { tone: 'none', icon: 'circle-dashed', word: 'Risk not assessed', sentence: 'Risk not assessed' },
  low: {
    tone: 'low',
    icon: 'circle-check',
    word: 'Agent says low risk',
    sentence: 'Not assessed. The agent says the risk is low.',
  },
  medium: {
    tone: 'medium',
    icon: 'diamond',
    word: 'Agent says medium risk',
    sentence: 'Not assessed. The agent says the risk is medium.',
  },
  high: {
    tone: 'high',
    icon: 'triangle-alert',
    word: 'High risk',
    sentence: 'High risk, by the agent’s own account.',
  },
  critical: {
    tone: 'critical',
    icon: 'octagon-alert',
    word: 'Critical',
    sentence: 'Critical, by the agent’s own account.',
  },
};

/** Whether everything folded away has to be opened before it can be approved. */
export function needsFullReading(says: Risk | null): boolean {
  return says === 'high' || says === 'critical';
}
