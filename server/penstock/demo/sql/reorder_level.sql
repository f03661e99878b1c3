-- Purchasing is told to reorder a product once no more than this is left in a warehouse.
ALTER TABLE inventory
    ADD COLUMN reorder_level integer NOT NULL DEFAULT 20
        CONSTRAINT inventory_reorder_level_check CHECK (reorder_level >= 0);

COMMENT ON COLUMN inventory.reorder_level IS 'Reorder when no more than this is on hand and not reserved.';

-- What sells fast needs a larger buffer.
UPDATE inventory AS i
SET reorder_level = 60
FROM (
    SELECT product_id
    FROM order_items
    GROUP BY product_id
    HAVING sum(quantity) >= 10
) AS fast
WHERE i.product_id = fast.product_id;

CREATE VIEW reorder_suggestions AS
SELECT p.sku,
       p.name,
       i.warehouse,
       i.on_hand - i.reserved AS available,
       i.reorder_level
FROM inventory AS i
JOIN products AS p ON p.id = i.product_id
WHERE p.active
  AND i.on_hand - i.reserved <= i.reorder_level;
