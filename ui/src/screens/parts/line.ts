import type { Connection } from '~/runtime/types';

/** Whether the daemon can be asked now. */
export function isUp(connection: Connection | undefined): boolean {
  return connection?.line === 'connected';
}
