-- Runs whose last holder never let go of them are claimed apart from each other: one of them may be what has killed it.

-- read by claim_runs
-- runs takes no writes meanwhile: 0.25 s for a million of them
create index runs_leased on ratchet.runs (due_at) where lease is not null;

-- It takes more than it did. What is added has a default: the release before this one goes on calling it.
drop function if exists ratchet.claim_runs(uuid, integer, integer, uuid[]);
