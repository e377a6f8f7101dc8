import { grouped } from '~/design/text';
import type { ErrorBody } from '~/runtime/types';

/** What was checked, in a sentence. */
export function proofWords(proof: { signatures: number; leaves: readonly number[]; size: number }): string {
  const signatures = proof.signatures === 1 ? '1 signature' : `${grouped(proof.signatures)} signatures`;
  const proofs = proof.leaves.length === 1 ? '1 inclusion proof' : `${grouped(proof.leaves.length)} inclusion proofs`;
  return `${signatures} and ${proofs} hold, in a log of ${grouped(proof.size)} leaves.`;
}

const NOBODY = ['link_lost', 'daemon_down', 'rate_limited', 'disk_full', 'keystore_locked', 'unpaired'];

/** Whether a check could not be made, which is something else than a check that failed. */
export function reachesNobody(why: ErrorBody): boolean {
  return NOBODY.includes(why.code);
}
