-- SPDX-License-Identifier: Apache-2.0
-- The tables of ATR's that promotion touches, as ATR's migrations up to 0134 of October 2026 leave them in SQLite. Facts
-- only. One constraint a line: tests leave the CHECKs out too, since a database that was migrated may lack them.

CREATE TABLE "committee" (
  "key" VARCHAR NOT NULL,
  name VARCHAR,
  charter VARCHAR,
  is_podling BOOLEAN NOT NULL,
  keys_mode VARCHAR(9) NOT NULL,
  mail_addresses JSON DEFAULT ('[]') NOT NULL,
  archived TIMESTAMP,
  is_archived BOOLEAN DEFAULT (0) NOT NULL,
  catalog_reviewed BOOLEAN DEFAULT (0) NOT NULL,
  parent_committee_key VARCHAR,
  committee_members JSON NOT NULL,
  committers JSON NOT NULL,
  release_managers JSON NOT NULL,
  updated TIMESTAMP,
  updated_by VARCHAR,
  update_type VARCHAR(9) DEFAULT ('MANUAL') NOT NULL,
  CONSTRAINT uq_committee_key UNIQUE ("key"),
  CONSTRAINT fk_committee_parent_committee_key_committee FOREIGN KEY (parent_committee_key) REFERENCES "committee" ("key"),
  CONSTRAINT pk_committee PRIMARY KEY ("key")
);

CREATE TABLE "releasepolicy" (
  id INTEGER NOT NULL,
  recipient_defaults JSON DEFAULT ('{}') NOT NULL,
  vote_mode VARCHAR(7) DEFAULT ('EMAIL') NOT NULL,
  min_hours INTEGER,
  release_checklist VARCHAR NOT NULL,
  vote_comment_template VARCHAR NOT NULL,
  vote_comment_template_url VARCHAR DEFAULT ('') NOT NULL,
  start_vote_subject VARCHAR NOT NULL,
  start_vote_template VARCHAR NOT NULL,
  start_vote_template_url VARCHAR DEFAULT ('') NOT NULL,
  finish_vote_template VARCHAR DEFAULT ('') NOT NULL,
  finish_vote_template_url VARCHAR DEFAULT ('') NOT NULL,
  announce_release_subject VARCHAR NOT NULL,
  announce_release_template VARCHAR NOT NULL,
  announce_release_template_url VARCHAR DEFAULT ('') NOT NULL,
  binary_artifact_paths JSON NOT NULL,
  source_artifact_paths JSON NOT NULL,
  license_check_mode VARCHAR(11) NOT NULL,
  source_excludes_lightweight JSON NOT NULL,
  source_excludes_rat JSON NOT NULL,
  rat_excludes_url VARCHAR DEFAULT ('') NOT NULL,
  github_repository_name VARCHAR DEFAULT ('') NOT NULL,
  github_repository_branch VARCHAR NOT NULL,
  github_compose_workflow_path JSON NOT NULL,
  file_tag_mappings JSON DEFAULT ('{}') NOT NULL,
  github_vote_workflow_path JSON NOT NULL,
  github_finish_workflow_path JSON NOT NULL,
  auto_archive_prior_release BOOLEAN DEFAULT (0) NOT NULL,
  download_path_suffix VARCHAR DEFAULT ('') NOT NULL,
  CONSTRAINT pk_releasepolicy PRIMARY KEY (id)
);

CREATE TABLE "project" (
  "key" VARCHAR NOT NULL,
  name VARCHAR,
  status VARCHAR(8) NOT NULL,
  super_project_key VARCHAR,
  description VARCHAR,
  categories VARCHAR,
  programming_languages VARCHAR,
  short_description VARCHAR,
  homepage VARCHAR,
  lifecycle_page VARCHAR,
  download_page VARCHAR,
  bug_database VARCHAR,
  mailing_lists VARCHAR,
  repositories JSON DEFAULT ('[]') NOT NULL,
  standards JSON DEFAULT ('[]') NOT NULL,
  security_contact VARCHAR,
  threat_model_link VARCHAR,
  threat_model_src_link VARCHAR,
  version_method VARCHAR(6) DEFAULT ('SIMPLE') NOT NULL,
  version_pattern VARCHAR,
  cycle_match VARCHAR,
  calver_format VARCHAR,
  branch_template VARCHAR,
  committee_key VARCHAR,
  release_policy_id INTEGER,
  created TIMESTAMP NOT NULL,
  created_by VARCHAR,
  updated TIMESTAMP,
  updated_by VARCHAR,
  update_type VARCHAR(9) DEFAULT ('MANUAL') NOT NULL,
  CONSTRAINT uq_project_key UNIQUE ("key"),
  CONSTRAINT fk_project_super_project_key_project FOREIGN KEY (super_project_key) REFERENCES "project" ("key"),
  CONSTRAINT fk_project_committee_key_committee FOREIGN KEY (committee_key) REFERENCES "committee" ("key"),
  CONSTRAINT fk_project_release_policy_id_releasepolicy FOREIGN KEY (release_policy_id) REFERENCES "releasepolicy" (id) ON DELETE CASCADE,
  CONSTRAINT pk_project PRIMARY KEY ("key")
);

CREATE TABLE "projectcycle" (
  cycle_key VARCHAR NOT NULL,
  cycle VARCHAR NOT NULL,
  project_key VARCHAR NOT NULL,
  start TIMESTAMP,
  begin TIMESTAMP,
  latest TIMESTAMP,
  eod TIMESTAMP,
  eos TIMESTAMP,
  eol TIMESTAMP,
  lts BOOLEAN DEFAULT (0) NOT NULL,
  CONSTRAINT uq_projectcycle_cycle_key UNIQUE (cycle_key),
  CONSTRAINT unique_project_cycle UNIQUE (project_key, cycle),
  CONSTRAINT fk_projectcycle_project_key_project FOREIGN KEY (project_key) REFERENCES "project" ("key") ON DELETE CASCADE,
  CONSTRAINT pk_projectcycle PRIMARY KEY (cycle_key)
);

CREATE TABLE "release" (
  "key" VARCHAR NOT NULL,
  phase VARCHAR(23) NOT NULL,
  created TIMESTAMP NOT NULL,
  released TIMESTAMP,
  archived TIMESTAMP,
  is_archived BOOLEAN DEFAULT (0) NOT NULL,
  archive_source VARCHAR(13),
  activity_at TIMESTAMP NOT NULL,
  inactivity_notice_key VARCHAR,
  archive_prior_release BOOLEAN DEFAULT (0) NOT NULL,
  expedited BOOLEAN DEFAULT (0) NOT NULL,
  check_cache_key VARCHAR,
  download_path_suffix VARCHAR,
  commit_hash VARCHAR,
  project_key VARCHAR NOT NULL,
  cycle_key VARCHAR NOT NULL,
  package_managers JSON NOT NULL,
  version VARCHAR NOT NULL,
  sboms JSON NOT NULL,
  release_policy_id INTEGER,
  vote_mode VARCHAR(7),
  voted_revision_number VARCHAR,
  current_vote_seq INTEGER,
  vote_started TIMESTAMP,
  vote_resolved TIMESTAMP,
  podling_thread_id VARCHAR,
  vote_thread_url VARCHAR,
  CONSTRAINT ck_release_expedited_vote_mode_trusted CHECK (NOT expedited OR vote_mode IS NULL OR vote_mode = 'TRUSTED'),
  CONSTRAINT uq_release_key UNIQUE ("key"),
  CONSTRAINT unique_project_version UNIQUE (project_key, version),
  CONSTRAINT fk_release_project_key_project FOREIGN KEY (project_key) REFERENCES "project" ("key"),
  CONSTRAINT fk_release_cycle_key_projectcycle FOREIGN KEY (cycle_key) REFERENCES "projectcycle" (cycle_key),
  CONSTRAINT fk_release_release_policy_id_releasepolicy FOREIGN KEY (release_policy_id) REFERENCES "releasepolicy" (id),
  CONSTRAINT pk_release PRIMARY KEY ("key")
);
CREATE INDEX ix_release_current_vote_seq ON "release" (current_vote_seq);

CREATE TABLE "revisioncounter" (
  release_key VARCHAR NOT NULL,
  last_allocated_number INTEGER NOT NULL,
  CONSTRAINT pk_revisioncounter PRIMARY KEY (release_key)
);

CREATE TABLE "revision" (
  "key" VARCHAR NOT NULL,
  release_key VARCHAR,
  seq INTEGER NOT NULL,
  number VARCHAR NOT NULL,
  asfuid VARCHAR NOT NULL,
  created TIMESTAMP NOT NULL,
  phase VARCHAR(23) NOT NULL,
  parent_key VARCHAR,
  description VARCHAR,
  merge_base_revision_key VARCHAR,
  tag VARCHAR,
  was_quarantined BOOLEAN DEFAULT (0) NOT NULL,
  CONSTRAINT uq_revision_key UNIQUE ("key"),
  CONSTRAINT uq_revision_release_seq UNIQUE (release_key, seq),
  CONSTRAINT uq_revision_release_number UNIQUE (release_key, number),
  CONSTRAINT fk_revision_release_key_release FOREIGN KEY (release_key) REFERENCES "release" ("key"),
  CONSTRAINT fk_revision_parent_key_revision FOREIGN KEY (parent_key) REFERENCES "revision" ("key"),
  CONSTRAINT pk_revision PRIMARY KEY ("key")
);

CREATE TABLE "releasefilestate" (
  release_key VARCHAR NOT NULL,
  path VARCHAR NOT NULL,
  since_revision_seq INTEGER NOT NULL,
  present BOOLEAN NOT NULL,
  content_hash VARCHAR,
  classification VARCHAR,
  provenance JSON,
  CONSTRAINT ck_releasefilestate_valid_release_file_state CHECK ((present = 1 AND content_hash IS NOT NULL AND classification IS NOT NULL) OR (present = 0 AND content_hash IS NULL AND classification IS NULL AND provenance IS NULL)),
  CONSTRAINT fk_releasefilestate_release_key_since_revision_seq_revision FOREIGN KEY (release_key, since_revision_seq) REFERENCES "revision" (release_key, seq) ON DELETE CASCADE,
  CONSTRAINT pk_releasefilestate PRIMARY KEY (release_key, path, since_revision_seq)
);

CREATE TABLE "distribution" (
  release_key VARCHAR NOT NULL,
  platform VARCHAR(12) NOT NULL,
  owner_namespace VARCHAR NOT NULL,
  package VARCHAR NOT NULL,
  version VARCHAR NOT NULL,
  staging BOOLEAN NOT NULL,
  pending BOOLEAN DEFAULT (0) NOT NULL,
  retries INTEGER DEFAULT (0) NOT NULL,
  upload_date DATETIME,
  api_url VARCHAR,
  web_url VARCHAR,
  created_by VARCHAR,
  CONSTRAINT fk_distribution_release_key_release FOREIGN KEY (release_key) REFERENCES "release" ("key") ON DELETE CASCADE,
  CONSTRAINT pk_distribution PRIMARY KEY (release_key, platform, owner_namespace, package, version)
);
CREATE INDEX ix_distribution_release_key ON "distribution" (release_key);
CREATE INDEX ix_distribution_platform ON "distribution" (platform);
CREATE INDEX ix_distribution_owner_namespace ON "distribution" (owner_namespace);
CREATE INDEX ix_distribution_package ON "distribution" (package);
CREATE INDEX ix_distribution_version ON "distribution" (version);

CREATE TABLE "ballotpaper" (
  id INTEGER NOT NULL,
  release_key VARCHAR NOT NULL,
  vote_seq INTEGER NOT NULL,
  vote_round INTEGER,
  voter_asf_uid VARCHAR NOT NULL,
  voter_fullname VARCHAR NOT NULL,
  choice VARCHAR(7) NOT NULL,
  comment VARCHAR DEFAULT ('') NOT NULL,
  is_binding_at_cast BOOLEAN NOT NULL,
  revision_number_at_cast VARCHAR NOT NULL,
  receipt_message_id VARCHAR NOT NULL,
  created TIMESTAMP NOT NULL,
  CONSTRAINT fk_ballotpaper_release_key_release FOREIGN KEY (release_key) REFERENCES "release" ("key") ON DELETE CASCADE,
  CONSTRAINT pk_ballotpaper PRIMARY KEY (id)
);
CREATE INDEX ix_ballotpaper_release_key ON "ballotpaper" (release_key);
CREATE INDEX ix_ballotpaper_release_vote_round_voter_id ON "ballotpaper" (release_key, vote_seq, vote_round, voter_asf_uid, id);
CREATE UNIQUE INDEX ix_ballotpaper_receipt_message_id ON "ballotpaper" (receipt_message_id);
CREATE INDEX ix_ballotpaper_release_vote_seq ON "ballotpaper" (release_key, vote_seq);

CREATE TABLE "checkresult" (
  id INTEGER NOT NULL,
  release_key VARCHAR NOT NULL,
  revision_number VARCHAR,
  checker VARCHAR NOT NULL,
  checker_version VARCHAR,
  primary_rel_path VARCHAR,
  member_rel_path VARCHAR,
  created TIMESTAMP NOT NULL,
  status VARCHAR(10) NOT NULL,
  message VARCHAR NOT NULL,
  data JSON,
  inputs_hash VARCHAR,
  cached BOOLEAN NOT NULL,
  CONSTRAINT fk_checkresult_release_key_release FOREIGN KEY (release_key) REFERENCES "release" ("key") ON DELETE CASCADE,
  CONSTRAINT pk_checkresult PRIMARY KEY (id)
);
CREATE INDEX ix_checkresult_release_key ON "checkresult" (release_key);
CREATE INDEX ix_checkresult_revision_number ON "checkresult" (revision_number);
CREATE INDEX ix_checkresult_primary_rel_path ON "checkresult" (primary_rel_path);
CREATE INDEX ix_checkresult_member_rel_path ON "checkresult" (member_rel_path);
CREATE INDEX ix_checkresult_inputs_hash ON "checkresult" (inputs_hash);

CREATE TABLE "task" (
  id INTEGER NOT NULL,
  status VARCHAR(9) NOT NULL,
  task_type VARCHAR(23) NOT NULL,
  task_args JSON,
  inputs_hash VARCHAR,
  asf_uid VARCHAR DEFAULT ('') NOT NULL,
  added TIMESTAMP NOT NULL,
  scheduled TIMESTAMP,
  started TIMESTAMP,
  pid INTEGER,
  pid_created FLOAT,
  completed TIMESTAMP,
  result JSON,
  error VARCHAR,
  project_key VARCHAR,
  version_key VARCHAR,
  revision_number VARCHAR,
  primary_rel_path VARCHAR,
  CONSTRAINT ck_task_valid_task_status_transitions CHECK (status = 'QUEUED' OR (status = 'ACTIVE' AND started IS NOT NULL AND pid IS NOT NULL) OR (status = 'COMPLETED' AND completed IS NOT NULL AND result IS NOT NULL) OR (status IN ('FAILED', 'BROKEN') AND completed IS NOT NULL AND error IS NOT NULL)),
  CONSTRAINT fk_task_project_key_project FOREIGN KEY (project_key) REFERENCES "project" ("key"),
  CONSTRAINT pk_task PRIMARY KEY (id)
);
CREATE INDEX ix_task_status ON "task" (status);
CREATE UNIQUE INDEX ix_task_inputs_hash ON "task" (inputs_hash);
CREATE INDEX ix_task_added ON "task" (added);
CREATE INDEX ix_task_scheduled ON "task" (scheduled);
CREATE INDEX ix_task_version_key ON "task" (version_key);
CREATE INDEX ix_task_revision_number ON "task" (revision_number);
CREATE INDEX ix_task_primary_rel_path ON "task" (primary_rel_path);
CREATE INDEX ix_task_status_added ON "task" (status, added);

CREATE TABLE "workflowstatus" (
  workflow_id VARCHAR NOT NULL,
  run_id INTEGER NOT NULL,
  project_key VARCHAR NOT NULL,
  task_id INTEGER,
  status VARCHAR NOT NULL,
  message VARCHAR,
  CONSTRAINT fk_workflowstatus_task_id_task FOREIGN KEY (task_id) REFERENCES "task" (id) ON DELETE SET NULL,
  CONSTRAINT pk_workflowstatus PRIMARY KEY (workflow_id, run_id)
);
CREATE INDEX ix_workflowstatus_workflow_id ON "workflowstatus" (workflow_id);
CREATE INDEX ix_workflowstatus_run_id ON "workflowstatus" (run_id);
CREATE INDEX ix_workflowstatus_project_key ON "workflowstatus" (project_key);

CREATE TABLE "usersession" (
  sid_hash VARCHAR NOT NULL,
  uid VARCHAR NOT NULL,
  dn VARCHAR,
  fullname VARCHAR,
  email VARCHAR,
  is_member BOOLEAN NOT NULL,
  is_chair BOOLEAN NOT NULL,
  is_root BOOLEAN NOT NULL,
  member_committees JSON NOT NULL,
  participant_committees JSON NOT NULL,
  mfa BOOLEAN NOT NULL,
  is_role BOOLEAN NOT NULL,
  ip_address VARCHAR,
  admin_uid VARCHAR,
  last_account_check FLOAT,
  downgrade_admin_to_user BOOLEAN NOT NULL,
  cts FLOAT NOT NULL,
  uts FLOAT NOT NULL,
  CONSTRAINT pk_usersession PRIMARY KEY (sid_hash)
);
CREATE INDEX ix_usersession_admin_uid ON "usersession" (admin_uid);
CREATE INDEX ix_usersession_uid ON "usersession" (uid);

CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
INSERT INTO alembic_version VALUES ('0134_2026.10.05_a3c91e47');
