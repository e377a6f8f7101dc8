import type { IconName } from '~/design/icons/paths';
import type { DaemonView } from '~/runtime/types';

export interface DaemonWords {
  word: string;
  tone: 'good' | 'warn' | 'bad' | 'neutral';
  icon: IconName;
  sentence: string;
  /** What can be done about it here. */
  action: string | null;
}

/** How the daemon of this computer is, in words. */
export function daemonWords(daemon: DaemonView): DaemonWords {
  switch (daemon.daemon) {
    case 'running':
      return {
        word: 'Running',
        tone: 'good',
        icon: 'circle-check',
        sentence: 'It takes what agents on this computer ask, and keeps the history and the log.',
        action: null,
      };
    case 'other_version':
      return {
        word: daemon.older ? 'Older version' : 'Newer version',
        tone: 'warn',
        icon: 'triangle-alert',
        sentence: daemon.older
          ? `Version ${daemon.version} runs, which is older than this app. Replacing it takes a moment; waiting requests stay.`
          : `Version ${daemon.version} runs, which is newer than this app. Update the app, or replace the daemon by the app’s own.`,
        action: 'Replace it',
      };
    case 'down':
      return {
        word: 'Not running',
        tone: 'bad',
        icon: 'circle-x',
        sentence: 'Agents on this computer cannot ask, and nothing they would ask about runs.',
        action: 'Start it',
      };
    case 'foreign':
      return {
        word: 'Not this device’s',
        tone: 'bad',
        icon: 'shield-alert',
        sentence: `What answers on this computer is not the daemon this device belongs to. ${daemon.why.message}`,
        action: null,
      };
    case 'elsewhere':
      return {
        word: 'On another computer',
        tone: 'neutral',
        icon: 'globe',
        sentence: 'This device answers for agents on another computer. Its daemon is looked after there.',
        action: null,
      };
  }
}
