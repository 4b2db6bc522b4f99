-- 0005: a front asks several stores with one number a question, and may have to send it again.
INSERT INTO ctaudit.migration (number, name, compatible_since) VALUES (5, '0005_front', 1);

ALTER TABLE ctaudit.inquiry
    -- Of the call of a front that put the question on record, and its place among equal ones of that
    -- call; NULL: no front did.
    ADD COLUMN number uuid,
    ADD COLUMN place integer;
CREATE UNIQUE INDEX inquiry_number
    ON ctaudit.inquiry (number, question, place, jsonb_hash_extended(arguments, 0))
    WHERE number IS NOT NULL;

-- Of the call of a front that was answered; NULL: no front's.
ALTER TABLE ctaudit.inquiry_answer ADD COLUMN number uuid;
