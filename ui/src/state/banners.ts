import { span } from '~/design/time';
import type { DaemonView, Snapshot } from '~/runtime/types';
import { lineOf, type Line } from './line';

/** What a person can do about a state of the whole app. */
export type Remedy = 'start_daemon' | 'replace_daemon' | 'retry' | 'resume' | 'renew' | 'export' | 'devices';

export interface BannerView {
  key: string;
  tone: 'info' | 'warn' | 'danger';
  title: string;
  text?: string;
  remedy?: Remedy;
  /** Passes by itself within moments, so it is shown only once it lasts. */
  brief?: boolean;
  loud?: boolean;
}

/** What is out of order, the gravest first. */
export function banners(snapshot: Snapshot, daemon: DaemonView | null): BannerView[] {
  const found = [...log(snapshot), ...trust(snapshot), ...line(snapshot, daemon), ...rest(snapshot)];
  const order = { danger: 0, warn: 1, info: 2 };
  return found.sort((a, b) => order[a.tone] - order[b.tone]);
}

function log({ log_trouble: trouble }: Snapshot): BannerView[] {
  if (!trouble) return [];
  if (!trouble.fraud) {
    return [{ key: 'log', tone: 'warn', title: 'The log could not be verified', text: trouble.message }];
  }
  const text = `${trouble.message} This device vouches for nothing of it any more. Export what you have, and find out who changed it.`;
  return [{ key: 'fraud', tone: 'danger', title: 'The log was changed afterwards', text, remedy: 'export', loud: true }];
}

function trust({ me, trust, clock_ahead }: Snapshot): BannerView[] {
  const found: BannerView[] = [];
  if (!me) {
    const text = 'It can no longer approve anything. Pair it again to use it.';
    found.push({ key: 'removed', tone: 'danger', title: 'This device was removed', text });
  }
  if (trust.recovery_at !== null) {
    const when = new Date(trust.recovery_at * 1000).toLocaleString();
    const text = `It counts from ${when} on. If that was not you, act before then.`;
    found.push({ key: 'recovery', tone: 'danger', title: 'The recovery key was used', text, remedy: 'devices' });
  }
  const { standing } = trust;
  if (standing.standing !== 'fresh') {
    const isMine = me !== null && standing.open.includes(me.name);
    const others = standing.open.join(' or ');
    found.push({
      key: 'standing',
      tone: 'warn',
      title: standing.standing === 'expired' ? 'The trust status has run out' : 'The trust status is missing',
      text: isMine ? 'No approval counts until it is renewed.' : `No approval counts until ${others || 'an admin device'} is opened.`,
      remedy: isMine ? 'renew' : undefined,
    });
  }
  if (clock_ahead !== 0) {
    const way = clock_ahead > 0 ? 'ahead' : 'behind';
    found.push({
      key: 'clock',
      tone: 'warn',
      title: `This computer’s clock is ${span(Math.abs(clock_ahead))} ${way}`,
      text: 'Nothing can be approved until it is set.',
    });
  }
  return found;
}

function line({ connection }: Snapshot, daemon: DaemonView | null): BannerView[] {
  return [...version(daemon), ...between(lineOf(connection, daemon), daemon)];
}

function between(line: Line, daemon: DaemonView | null): BannerView[] {
  switch (line) {
    case 'down':
      return [
        {
          key: 'down',
          tone: 'danger',
          title: 'The AgentTrust daemon is not running',
          text: 'Agents cannot ask until it runs again.',
          remedy: 'start_daemon',
        },
      ];
    case 'foreign':
      return [
        {
          key: 'foreign',
          tone: 'danger',
          title: 'Another daemon answers on this computer',
          text: daemon?.daemon === 'foreign' ? [daemon.why.message, daemon.why.hint].filter(Boolean).join(' ') : undefined,
          remedy: 'retry',
        },
      ];
    case 'connected':
      return [];
    case 'connecting':
      return [{ key: 'connecting', tone: 'info', title: 'Connecting to the daemon…', brief: true }];
    case 'lost':
      return [
        {
          key: 'lost',
          tone: 'warn',
          title: 'The connection to the daemon is lost',
          text: 'It is tried again by itself. What you see may be out of date.',
        },
      ];
    case 'refused':
      return [
        {
          key: 'refused',
          tone: 'danger',
          title: 'The daemon does not let this device in',
          text: 'It was removed, or another daemon answers.',
          remedy: 'retry',
        },
      ];
  }
}

function version(daemon: DaemonView | null): BannerView[] {
  if (daemon?.daemon !== 'other_version') return [];
  if (daemon.older) {
    return [
      {
        key: 'older',
        tone: 'warn',
        title: `The daemon is of an older version (${daemon.version})`,
        text: 'Replacing it takes a moment; what waits is kept.',
        remedy: 'replace_daemon',
      },
    ];
  }
  return [
    {
      key: 'newer',
      tone: 'warn',
      title: `The daemon is of a newer version (${daemon.version})`,
      text: 'Update this app, so that both are of one version.',
    },
  ];
}

function rest({ trust }: Snapshot): BannerView[] {
  if (!trust.paused_all) return [];
  const text = 'Nobody runs anything until you resume.';
  return [{ key: 'paused', tone: 'warn', title: 'All agents are paused', text, remedy: 'resume' }];
}
