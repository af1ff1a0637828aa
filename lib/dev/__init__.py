"""The local platform: embedded Postgres, Vercel's routing and runtime, a minute ticker, the demo."""
