// Verifies deliveries of the webhook as docs/events.md says. Reads {deliveries: [{headers, body}], secret, now} from standard input;
// writes one line of JSON for each: true or false.

import { text } from 'node:stream/consumers';
import { isFromSessions } from './documented.mjs';

const { deliveries, secret, now } = JSON.parse(await text(process.stdin));
for (const { headers, body } of deliveries) {
  console.log(isFromSessions(headers, body, secret, now));
}
