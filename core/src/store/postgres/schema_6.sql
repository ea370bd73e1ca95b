-- The tasks of an account stand in two lines, one for each kind.
DROP INDEX task_of_account;
CREATE INDEX task_of_account ON task (account, kind, due_at);
