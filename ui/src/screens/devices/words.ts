import type { IconName } from '~/design/icons/paths';
import type { DeviceInfo } from '~/runtime/types';

export interface ProtectionWords {
  name: string;
  tone: 'good' | 'warn' | 'neutral';
  icon: IconName;
  /** What that is worth. */
  sentence: string;
}

const PROTECTIONS: Record<string, ProtectionWords> = {
  keystore: {
    name: 'System key store',
    tone: 'good',
    icon: 'lock',
    sentence: 'The key lies in the system’s key store, locked with your login. Programs you run while it is open may still reach it.',
  },
  pin: {
    name: 'Sealed by a PIN',
    tone: 'good',
    icon: 'key-round',
    sentence: 'The key is a file that only your PIN opens.',
  },
  file: {
    name: 'Plain file',
    tone: 'warn',
    icon: 'lock-open',
    sentence: 'Every program of your user can read the key, an agent as well, and could then approve in your name.',
  },
};

/** How a device's key is kept, in honest words. The word itself is the device's own and not to be believed. */
export function protection(device: DeviceInfo): ProtectionWords {
  return (
    PROTECTIONS[device.protection] ?? {
      name: 'Protection not known',
      tone: 'neutral',
      icon: 'circle-question-mark',
      sentence: 'This version does not know how the device says its key is kept.',
    }
  );
}

export const ADMIN = 'admin';

/** Whether it may change who is trusted. */
export function isAdmin(device: DeviceInfo | null | undefined): boolean {
  return device?.roles.includes(ADMIN) ?? false;
}

/** This one first, then those that are reachable, then by name. */
export function sorted(devices: readonly DeviceInfo[]): DeviceInfo[] {
  const rank = (device: DeviceInfo) => (device.is_me ? 0 : device.revoked ? 3 : device.daemon?.connected ? 1 : 2);
  return [...devices].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
}
