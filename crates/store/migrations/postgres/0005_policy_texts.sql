-- The files that stand after each application of files, whole and in their order, so that an earlier
-- version can be applied again. Versions from before this have none.
ALTER TABLE policy_version ADD COLUMN texts TEXT;
