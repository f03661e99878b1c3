-- The schema of a small shop: what the demo's databases hold before Penstock meets them.

CREATE TABLE customers (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email         text        NOT NULL CHECK (email LIKE '%_@_%'),
    full_name     text        NOT NULL,
    country       text        NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    phone         text,
    registered_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX customers_email_idx ON customers (email);
COMMENT ON TABLE customers IS 'People who have registered, whether or not they have ordered.';

CREATE TABLE products (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku         text    NOT NULL UNIQUE,
    name        text    NOT NULL,
    category    text    NOT NULL,
    price_cents integer NOT NULL CHECK (price_cents > 0),
    active      boolean NOT NULL DEFAULT true
);
CREATE INDEX products_category_idx ON products (category) WHERE active;
COMMENT ON COLUMN products.price_cents IS 'Gross price of today; orders keep the price of their day.';

CREATE TABLE inventory (
    product_id bigint      NOT NULL REFERENCES products (id),
    warehouse  text        NOT NULL,
    on_hand    integer     NOT NULL DEFAULT 0 CHECK (on_hand >= 0),
    reserved   integer     NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    counted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (product_id, warehouse)
);

CREATE TABLE orders (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint      NOT NULL REFERENCES customers (id),
    status      text        NOT NULL DEFAULT 'placed'
                CHECK (status IN ('placed', 'paid', 'packed', 'shipped', 'canceled')),
    ordered_at  timestamptz NOT NULL DEFAULT now(),
    note        text
);
CREATE INDEX orders_customer_idx ON orders (customer_id, ordered_at DESC);

CREATE TABLE order_items (
    order_id         bigint  NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    line_number      integer NOT NULL,
    product_id       bigint  NOT NULL REFERENCES products (id),
    quantity         integer NOT NULL CHECK (quantity > 0),
    unit_price_cents integer NOT NULL CHECK (unit_price_cents > 0),
    PRIMARY KEY (order_id, line_number)
);
CREATE INDEX order_items_product_idx ON order_items (product_id);

CREATE FUNCTION order_total_cents(wanted bigint) RETURNS bigint
    LANGUAGE sql STABLE
    RETURN (SELECT coalesce(sum(quantity * unit_price_cents), 0) FROM order_items WHERE order_id = wanted);
COMMENT ON FUNCTION order_total_cents IS 'What an order costs, without shipping.';

CREATE VIEW order_totals AS
SELECT o.id AS order_id,
       o.customer_id,
       o.status,
       o.ordered_at,
       count(i.line_number) AS lines,
       coalesce(sum(i.quantity * i.unit_price_cents), 0) AS total_cents
FROM orders AS o
LEFT JOIN order_items AS i ON i.order_id = o.id
GROUP BY o.id;

CREATE VIEW sales_by_category AS
SELECT p.category,
       date_trunc('month', o.ordered_at) AS month,
       sum(i.quantity) AS pieces,
       sum(i.quantity * i.unit_price_cents) AS revenue_cents
FROM order_items AS i
JOIN orders AS o ON o.id = i.order_id AND o.status <> 'canceled'
JOIN products AS p ON p.id = i.product_id
GROUP BY p.category, date_trunc('month', o.ordered_at);
