// A sign-out that the service has not heard of yet: told as soon as it can be reached, before anything else.

/** @import { Context } from './context.js' */
import { emptyRecord } from './device-record.js';
import { refreshOnce } from './refresh.js';
import { call } from './transport.js';

/**
 * @param {Context} context
 * @throws {SessionError} it is still to be told
 */
export const tellLeaving = async (context) => {
  const { storage, lock } = context;
  if (!(await storage.update()).leaving) return;
  await lock.hold(async (signal) => {
    let record = await storage.update();
    const { id, leaving } = record;
    if (!leaving) return;
    const found = await call(context, record, signal, 'GET', '/session').catch(unless401);
    // By cookie, a login outside this module may have put another session into the jar since: that one is not to be ended.
    // An expired token does not tell; the person wanted to be signed out.
    if (!found || !id || found.session.id === id) {
      if (leaving === 'everywhere') {
        // Only a fresh token may do this. Whoever gets none cannot end anything.
        if (!found) ({ record } = await refreshOnce(context, record, true, signal));
        await call(context, record, signal, 'DELETE', '/sessions').catch(unless401);
      }
      await call(context, record, signal, 'POST', '/logout');
    }
    // After a 409 it was not the person who left: whose session it was is kept, and a login asked for.
    await storage.update(({ session, ended = 'logout' }) => ({ ...emptyRecord(), session, ended }));
  });
};

/** @param {any} error */
const unless401 = (error) => {
  if (error.status !== 401) throw error;
};
