// A sign-out that the service has not heard of yet: told as soon as it can be reached, before anything else.

/** @import { Context } from './context.js' */
/** @import { DeviceRecord } from './device-record.js' */
import { emptyRecord } from './device-record.js';
import { SessionError } from './errors.js';
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
    const record = await storage.update();
    if (!record.leaving) return;
    if (await isStillHere(context, record, signal)) {
      if (record.leaving === 'everywhere') await endAll(context, record, signal);
      await call(context, record, signal, 'POST', '/logout');
    }
    // After a 409 it was not the person who left: whose session it was is kept, and a login asked for.
    await storage.update((now) => void Object.assign(now, emptyRecord(), { session: now.session, ended: now.ended }));
  });
};

/**
 * By cookie, a login outside this module may have put another session into the jar since: that one is not to be ended.
 * @param {Context} context
 * @param {DeviceRecord} record
 * @param {AbortSignal} signal
 */
const isStillHere = (context, record, signal) =>
  call(context, record, signal, 'GET', '/session').then(
    ({ session }) => !record.id || session.id === record.id,
    // An expired token tells nothing. The person wanted to be signed out.
    unless401,
  );

/**
 * @param {Context} context
 * @param {DeviceRecord} record
 * @param {AbortSignal} signal
 * @returns {Promise<unknown>}
 */
const endAll = (context, record, signal) =>
  call(context, record, signal, 'DELETE', '/sessions').catch(async (error) => {
    unless401(error);
    // Only a fresh token may do it. Whoever gets none cannot end anything.
    const { granted, record: fresh } = await refreshOnce(context, record, true, signal);
    return granted && call(context, fresh, signal, 'DELETE', '/sessions');
  });

/** @param {unknown} error */
const unless401 = (error) => {
  if (error instanceof SessionError && error.status === 401) return true;
  throw error;
};
