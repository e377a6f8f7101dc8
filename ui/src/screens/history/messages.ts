const NAMES: Record<string, string> = {
  enroll: 'Enrolment',
  'agent-cert': 'Agent certificate',
  session: 'Session',
  request: 'Request',
  cancel: 'Withdrawal',
  claim: 'Claim',
  outcome: 'Outcome',
  execution: 'Outcome',
  decision: 'Decision',
  grant: 'Trusted action',
  status: 'Trust status',
  bundle: 'Trust bundle',
  event: 'Note of the daemon',
};

/** What a message is called, from its type `agenttrust-request-v1`. */
export function messageName(typ: string): string {
  const short = /^agenttrust-(.+)-v\d+$/.exec(typ)?.[1] ?? typ;
  return NAMES[short] ?? short;
}
