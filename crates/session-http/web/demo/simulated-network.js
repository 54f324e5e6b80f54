// A network that can be made bad: what the client is given in place of the page's own `fetch` and `navigator.onLine`.

const LOSS = 0.3;

/** As the service answers while its store is away. */
const outage = () =>
  new Response(
    JSON.stringify({
      type: 'urn:session:problem:store_unavailable',
      title: 'The session store does not answer',
      status: 503,
      detail: 'simulated by the demo',
      code: 'store_unavailable',
      retryable: true,
    }),
    { status: 503, headers: { 'Content-Type': 'application/problem+json', 'Retry-After': '1' } },
  );

const lost = () => new TypeError('lost on the way (simulated by the demo)');

export const simulatedNetwork = () => {
  let mode = 'good';
  const counts = { sent: 0, lost: 0 };
  const counted = new EventTarget();

  const throughTheNetwork = async (/** @type {[any, any?]} */ ...request) => {
    counts.sent++;
    const unlucky = mode === 'offline' || (mode === 'lossy' && Math.random() < LOSS);
    if (unlucky) counts.lost++;
    counted.dispatchEvent(new Event('count'));
    if (mode === 'outage') return outage();
    if (!unlucky) return fetch(...request);
    // Half of the time it is the answer that is lost: the service has done it, and the client cannot know.
    if (mode === 'lossy' && Math.random() < 0.5) await fetch(...request);
    throw lost();
  };

  return {
    /** `createSessionClient({ page })` */
    page: {
      fetch: throughTheNetwork,
      location,
      indexedDB,
      BroadcastChannel,
      document,
      navigator: {
        locks: navigator.locks,
        get onLine() {
          return mode !== 'offline' && navigator.onLine;
        },
      },
      addEventListener: window.addEventListener.bind(window),
    },
    counts,
    counted,
    /** @param {'good' | 'lossy' | 'offline' | 'outage'} next */
    become(next) {
      const was = mode;
      mode = next;
      Object.assign(counts, { sent: 0, lost: 0 });
      if ((was === 'offline') !== (next === 'offline')) dispatchEvent(new Event(next === 'offline' ? 'offline' : 'online'));
    },
  };
};
