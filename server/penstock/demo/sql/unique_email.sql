-- Spaces around an address come from pasted text and never mean anything.
UPDATE customers
SET email = btrim(email)
WHERE email <> btrim(email);

-- Sign-in looks an address up whatever its capitals, so it must be unique that way.
CREATE UNIQUE INDEX customers_email_key
    ON customers (lower(email));

DROP INDEX customers_email_idx;
