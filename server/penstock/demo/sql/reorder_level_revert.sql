DROP VIEW reorder_suggestions;

ALTER TABLE inventory
    DROP COLUMN reorder_level;
