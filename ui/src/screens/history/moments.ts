import type { TimelineEntry } from '~/design/Timeline.svelte';
import type { IconName } from '~/design/icons/paths';
import type { Moment, MomentKind } from '~/runtime/types';

/** A line of the timeline, with what it was made from. */
export interface MomentEntry extends TimelineEntry {
  moment: Moment;
}

interface Look {
  icon: IconName;
  title: (by: string) => string;
  tone?: TimelineEntry['tone'];
}

const THE_DAEMON = 'the daemon';

const LOOKS: Record<MomentKind, Look> = {
  asked: { icon: 'send', title: (by) => `Asked by ${by}` },
  delivered: { icon: 'inbox', title: (by) => `Arrived on ${by}` },
  opened: { icon: 'eye', title: (by) => `Opened on ${by}` },
  approved: { icon: 'check', title: (by) => `Approved on ${by}`, tone: 'good' },
  denied: { icon: 'ban', title: (by) => `Denied on ${by}`, tone: 'bad' },
  changed: { icon: 'pencil', title: (by) => `Approved with changes on ${by}`, tone: 'good' },
  revoked: { icon: 'undo-2', title: (by) => `Approval taken back on ${by}`, tone: 'warn' },
  claimed: { icon: 'play', title: (by) => `Taken by ${by}` },
  executed: { icon: 'circle-check', title: () => 'The tool ran', tone: 'good' },
  failed: { icon: 'circle-x', title: () => 'The tool ran into an error', tone: 'bad' },
  cancelled: { icon: 'undo-2', title: (by) => `Withdrawn by ${by}` },
  expired: { icon: 'clock', title: () => 'Its time ran out', tone: 'warn' },
  unknown: { icon: 'circle-question-mark', title: () => 'The agent went silent', tone: 'warn' },
  erased: { icon: 'eraser', title: () => 'Content erased' },
  event: { icon: 'info', title: () => 'Noted by the daemon' },
};

/** A decision that was made and yet decides nothing. */
export function isVoid(moment: Moment): boolean {
  return moment.code !== null && ['approved', 'denied', 'changed', 'revoked'].includes(moment.kind);
}

/** The moments as lines, in their order. */
export function entries(timeline: readonly Moment[]): MomentEntry[] {
  return timeline.map((moment) => {
    const look = LOOKS[moment.kind];
    const isIdle = isVoid(moment);
    const title = look.title(moment.by ?? THE_DAEMON);
    return {
      moment,
      icon: isIdle ? 'octagon-x' : look.icon,
      title: isIdle ? `${title}; it does not count` : title,
      at: moment.at,
      tone: isIdle ? 'warn' : (look.tone ?? 'plain'),
      detail: moment.code ?? undefined,
    };
  });
}
