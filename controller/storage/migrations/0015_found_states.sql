-- How the service was found at the beginning of the stretch: 0 it did not run, 1 it ran, which is all that
-- agents before that tell; 2 it had failed, 3 somebody had stopped it, 4 it ran as a whole.
ALTER TABLE service_watches RENAME COLUMN first_up TO found;
