-- What can be run: named, versioned workflows, and the documents that runs are pinned to.

create table ratchet.documents (
  hash        bytea primary key,
  definition  json not null,
  created_at  timestamptz not null,
  constraint hash_is_sha256 check (octet_length(hash) = 32)
);
comment on table ratchet.documents is
  'Content-addressed and never changed: a run keeps its document through any redeploy or deletion of its workflow.';

create table ratchet.workflows (
  id          uuid primary key,
  namespace   text not null,
  name        text not null,
  version     text not null,
  definition  json not null,
  type        text not null,
  document    bytea not null references ratchet.documents (hash),
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  constraint a_version_is_published_once unique (namespace, name, version),
  constraint type_is_known check (type in ('linear', 'graph'))
);
-- read by find_workflow: the newest version of a name
create index workflows_by_name on ratchet.workflows (name, id desc);
