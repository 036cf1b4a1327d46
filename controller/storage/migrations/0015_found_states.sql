-- How the service was found at the beginning of the stretch: 0 it did not run, 1 it ran, 2 it had failed,
-- 3 somebody had stopped it. Agents before that tell 0 and 1 alone.
ALTER TABLE service_watches RENAME COLUMN first_up TO found;
