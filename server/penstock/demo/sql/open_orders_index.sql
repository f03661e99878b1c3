-- Without locking out writers: the warehouse's list of open orders is read all day, and orders never stop.
CREATE INDEX CONCURRENTLY orders_open_idx
    ON orders (ordered_at)
    WHERE status IN ('placed', 'paid', 'packed');
