-- Rows for the shop. The settings shop.customers (how many) and shop.twice (every how many of them registered a
-- second time, 0 for nobody) differ between the environments: development data is small and too clean.

INSERT INTO customers (email, full_name, country, phone, registered_at)
SELECT lower(first) || '.' || lower(last) || n || '@example.com' || CASE WHEN n % 53 = 0 THEN ' ' ELSE '' END,
       first || ' ' || last,
       (ARRAY['DE', 'FR', 'PT', 'SE', 'PL', 'IT'])[1 + n % 6],
       CASE WHEN n % 3 > 0 THEN '+49 30 555' || lpad(n::text, 4, '0') END,
       now() - make_interval(days => 400 - n % 390, mins => n)
FROM generate_series(1, current_setting('shop.customers')::integer) AS n,
     LATERAL (SELECT (ARRAY['Mara', 'Jonas', 'Amelie', 'Tiago', 'Freja', 'Piotr', 'Chiara', 'Noor'])[1 + n % 8] AS first,
                     (ARRAY['Keller', 'Moreau', 'Sousa', 'Berg', 'Nowak', 'Conti', 'Haas'])[1 + n % 7] AS last) AS names;

-- Whoever forgot the password registered again, often with the capitals of her telephone's keyboard.
INSERT INTO customers (email, full_name, country, phone, registered_at)
SELECT initcap(email), full_name, country, phone, registered_at + interval '40 days'
FROM customers
WHERE id % nullif(current_setting('shop.twice')::integer, 0) = 0;

INSERT INTO products (sku, name, category, price_cents, active)
SELECT upper(left(category, 3)) || '-' || lpad(n::text, 4, '0'),
       adjective || ' ' || thing,
       category,
       490 + (n * 739) % 9500,
       n % 17 > 0
FROM generate_series(1, 60) AS n,
     LATERAL (SELECT (ARRAY['kitchen', 'garden', 'office'])[1 + n % 3] AS category,
                     (ARRAY['Small', 'Blue', 'Folding', 'Oak', 'Steel'])[1 + n % 5] AS adjective,
                     (ARRAY['kettle', 'trowel', 'lamp', 'teapot', 'watering can', 'tray',
                            'cutting board', 'flower pot', 'pen stand', 'ladle', 'hose reel', 'shelf'])[1 + n % 12]
                         AS thing) AS words;

INSERT INTO inventory (product_id, warehouse, on_hand, reserved, counted_at)
SELECT p.id, w.warehouse, (p.id * w.factor) % 140, (p.id * w.factor) % 7, now() - make_interval(days => (p.id % 30)::integer)
FROM products AS p
CROSS JOIN (VALUES ('Leipzig', 37), ('Porto', 53)) AS w (warehouse, factor);

INSERT INTO orders (customer_id, status, ordered_at, note)
SELECT c.id,
       (ARRAY['shipped', 'shipped', 'shipped', 'packed', 'paid', 'placed', 'canceled'])[1 + (c.id * 5 + n) % 7],
       c.registered_at + make_interval(days => n * 3, hours => (c.id % 20)::integer),
       CASE WHEN (c.id + n) % 11 = 0 THEN 'Please leave it with the neighbours.' END
FROM customers AS c
CROSS JOIN generate_series(1, 3) AS n
WHERE (c.id + n) % 4 > 0;

INSERT INTO order_items (order_id, line_number, product_id, quantity, unit_price_cents)
SELECT o.id, n, p.id, 1 + (o.id * n) % 4, p.price_cents
FROM orders AS o
CROSS JOIN generate_series(1, 3) AS n
JOIN products AS p ON p.id = 1 + (o.id * 7 + n * 13) % 60
WHERE n <= 1 + o.id % 3;

ANALYZE;
