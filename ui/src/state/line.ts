import type { Connection, DaemonView } from '~/runtime/types';

/** How this device and its daemon stand to each other. */
export type Line = Connection['line'] | 'down' | 'foreign';

/** What the screens say of it, each in its own words: the daemon that is known to be gone counts before the line. */
export function lineOf(connection: Connection, daemon: DaemonView | null): Line {
  if (daemon?.daemon === 'down' || daemon?.daemon === 'foreign') return daemon.daemon;
  return connection.line;
}
