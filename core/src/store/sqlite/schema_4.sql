-- Open cases are counted all the time, and few among those of years.
CREATE INDEX cases_open ON cases (kind) WHERE open;
