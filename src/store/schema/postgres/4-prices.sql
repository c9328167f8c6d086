-- Schema 4: the version of the price that a hold and its usage row were made by, and of the vendor's
-- cost; a job keeps all of the price that it is settled by, because policy may be another one by then.

ALTER TABLE hold ADD COLUMN price_version text;
ALTER TABLE usage ADD COLUMN price_version text;
ALTER TABLE usage ADD COLUMN cost_version text;
ALTER TABLE job ADD COLUMN tariff text;
