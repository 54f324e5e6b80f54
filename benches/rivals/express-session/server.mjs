// Sessions behind a cookie with express-session, kept in Redis by connect-redis.
import { RedisStore } from 'connect-redis';
import express from 'express';
import session from 'express-session';
import { createClient } from 'redis';

const client = createClient({ url: process.env.REDIS_URL });
await client.connect();

const app = express();
app.use(express.json());
app.use(
  session({
    store: new RedisStore({ client, prefix: 'app:' }),
    resave: false,
    saveUninitialized: false,
    secret: 'a secret of this measurement only',
    cookie: { maxAge: 30 * 24 * 3600 * 1000, httpOnly: true, sameSite: 'lax' },
  }),
);

/** A new id for the session, as its documentation asks for at a login; the old id ends. */
function renew(req, user, done) {
  req.session.regenerate((error) => {
    if (error) return done(error);
    req.session.user = user;
    req.session.save(done);
  });
}

// The password is left out: it is not what is measured.
app.post('/login', (req, res, next) => {
  renew(req, req.body.username, (error) => (error ? next(error) : res.json({ subject: req.session.user })));
});

app.post('/refresh', (req, res, next) => {
  const { user } = req.session;
  if (!user) return res.status(401).json({ error: 'no session' });
  renew(req, user, (error) => (error ? next(error) : res.json({ subject: user })));
});

app.get('/me', (req, res) => {
  const { user } = req.session;
  if (!user) return res.status(401).json({ error: 'no session' });
  res.json({ subject: user });
});

const server = app.listen(0, '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
