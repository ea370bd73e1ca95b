-- Where the log is, so that a database which was restored or copied is recognised; see log.rs.
ALTER TABLE log ADD COLUMN home text;
