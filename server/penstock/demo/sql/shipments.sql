-- An order may leave in several parcels, so this is a table of its own and no column of orders.
CREATE TABLE shipments (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id        bigint      NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    carrier         text        NOT NULL CHECK (carrier IN ('dhl', 'dpd', 'ctt', 'pickup')),
    tracking_number text,
    handed_over_at  timestamptz NOT NULL DEFAULT now(),
    delivered_at    timestamptz,
    CONSTRAINT shipments_delivered_after_handed_over CHECK (delivered_at >= handed_over_at),
    UNIQUE (carrier, tracking_number)
);

CREATE INDEX shipments_order_idx ON shipments (order_id);

-- Orders that were shipped before this table existed: one parcel each, number unknown.
INSERT INTO shipments (order_id, carrier, handed_over_at)
SELECT id, 'dhl', ordered_at + interval '2 days'
FROM orders
WHERE status = 'shipped';
