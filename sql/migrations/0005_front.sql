-- 0005: a front asks several stores with one number a question, and may have to send it again.
INSERT INTO ctaudit.migration (number, name, compatible_since) VALUES (5, '0005_front', 1);

-- Which inquiry a call of a front has put on record: it is found where the call is sent again. A
-- table of its own, since each question would lock one more index of ctaudit.inquiry; it is deleted
-- with that (ctaudit.delete_inquiries).
CREATE TABLE ctaudit.inquiry_call (
    -- Of the announcement, else of the call.
    number uuid NOT NULL,
    question text NOT NULL,
    -- Among the questions of one list.
    place integer NOT NULL,
    arguments_hash bigint NOT NULL,
    inquiry_id bigint NOT NULL,
    PRIMARY KEY (number, question, place, arguments_hash)
);
CREATE INDEX inquiry_call_inquiry ON ctaudit.inquiry_call (inquiry_id);

-- Of the call of a front that was answered; NULL: no front's.
ALTER TABLE ctaudit.inquiry_answer ADD COLUMN number uuid;
