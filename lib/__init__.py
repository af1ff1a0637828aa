"""Ratchet: durable workflows on Vercel functions and a Postgres you own."""

VERSION = "0.1.0"
