"""The database tool: judge foreign SQL, dry-run it, confirm it, run it; turn a question into SQL."""
