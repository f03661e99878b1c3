-- The warehouse's list of open orders reads the whole table today. The index has open orders only, so it stays small.
CREATE INDEX orders_open_idx
    ON orders (ordered_at)
    WHERE status IN ('placed', 'paid', 'packed');
