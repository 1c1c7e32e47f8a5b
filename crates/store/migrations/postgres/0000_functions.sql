-- What SQLite has built in and the common SQL text uses: the elements of a JSON list as text.
CREATE FUNCTION json_each(list TEXT) RETURNS TABLE (value TEXT)
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT json_array_elements_text(list::json) $$;
