/*
 * guess.c
 *		Guessing which column of a table is the user, the item, the time, and so on.
 *
 * Names are compared squeezed (lower case letters and digits only), so CustomerID, customer_id and
 * "customer id" are one word. Earlier words win, then earlier columns; a column whose type cannot
 * serve the role is passed over.
 */
#include "event/guess.h"

#include <ctype.h>

#include "catalog/pg_type.h"
#include "utils/lsyscache.h"

static const char *const user_words[] = {
	"userid",    "user",         "customerid",   "customer",   "visitorid",  "visitor",
	"clientid",  "client",       "memberid",     "member",     "accountid",  "buyerid",
	"shopperid", "personid",     "userpseudoid", "uid",        "custid",     "cid",
	"cookieid",  "deviceid",     "anonymousid",  "distinctid", "reviewerid", "householdid",
	"profileid", "subscriberid", "partnerid",    "username",   "email",      "sessionid",
	NULL};
static const char *const item_words[] = {
	"itemid",      "item",       "productid", "product", "stockcode", "sku",       "skuid",
	"variantid",   "articleid",  "article",   "asin",    "movieid",   "goodsid",   "goods",
	"productcode", "productsku", "contentid", "content", "pageid",    "songid",    "trackid",
	"artistid",    "bookid",     "videoid",   "newsid",  "offerid",   "listingid", "iid",
	"categoryid",  "url",        NULL};
static const char *const time_words[] = {
	"ts",        "timestamp",       "eventtime",       "eventtimestamp", "time",
	"createdat", "occurredat",      "happenedat",      "invoicedate",    "orderdate",
	"unixtime",  "datetime",        "eventdate",       "purchasedat",    "purchasedate",
	"orderedat", "transactiontime", "transactiondate", "date",           "dateorder",
	"created",   "createdon",       "receivedat",      "clicktime",      "day",
	NULL};
static const char *const event_words[] = {"event",     "eventtype", "behavior",    "behaviour",
										  "eventname", "action",    "actiontype",  "behaviortype",
										  "activity",  "type",      "interaction", NULL};
static const char *const value_words[] = {"value",     "price",     "unitprice", "amount",
										  "itemprice", "saleprice", "revenue",   "spend",
										  "dollars",   NULL};
static const char *const quantity_words[] = {"quantity",  "qty",   "units",
											 "itemcount", "count", NULL};
static const char *const session_words[] = {
	"sessionid", "session", "usersession", "visitid",       "visit",    "invoiceno", "invoice",
	"orderid",   "orderno", "ordernumber", "transactionid", "basketid", NULL};

typedef bool (*TypeFn)(Oid type);

static bool
is_key_type(Oid type)
{
	char category;
	bool preferred;

	get_type_category_preferred(type, &category, &preferred);
	return category == TYPCATEGORY_NUMERIC || category == TYPCATEGORY_STRING ||
		   category == TYPCATEGORY_USER || category == TYPCATEGORY_ENUM || type == UUIDOID;
}

static bool
is_time_or_text(Oid type)
{
	return bm_type_is_time(type) || type == TEXTOID || type == VARCHAROID || type == BPCHAROID;
}

static bool
is_word_type(Oid type)
{
	char category;
	bool preferred;

	get_type_category_preferred(type, &category, &preferred);
	return category == TYPCATEGORY_STRING || category == TYPCATEGORY_ENUM || bm_type_is_int(type);
}

static bool
is_number_type(Oid type)
{
	char category;
	bool preferred;

	get_type_category_preferred(type, &category, &preferred);
	return category == TYPCATEGORY_NUMERIC;
}

/* In the order of guessing; what is required comes first. */
static const struct
{
	const char *argument, *what;
	const char *const *words;
	TypeFn fits;
	bool required;
} roles[BM_ROLES] = {
	{"user_id", "user", user_words, is_key_type, true},
	{"item_id", "item", item_words, is_key_type, true},
	{"ts", "time", time_words, is_time_or_text, true},
	{"event", "behaviour", event_words, is_word_type, false},
	{"value", "value", value_words, is_number_type, false},
	{"quantity", "quantity", quantity_words, is_number_type, false},
	{"session_id", "session", session_words, is_key_type, false},
};

const char *
bm_role_argument(BmRole role)
{
	return roles[role].argument;
}

/* Lower-case letters and digits of name, at most NAMEDATALEN of them. */
static void
squeeze(char *out, const char *name)
{
	size_t n = 0;

	for (; *name && n + 1 < NAMEDATALEN; name++)
		if (isalnum((unsigned char) *name))
			out[n++] = (char) tolower((unsigned char) *name);
	out[n] = '\0';
}

char *
bm_column_like(Oid relid, const char *word)
{
	int n;
	char **names = bm_relation_columns(relid, &n);

	for (int i = 0; i < n; i++)
	{
		char squeezed[NAMEDATALEN];

		squeeze(squeezed, names[i]);
		if (strcmp(squeezed, word) == 0)
			return names[i];
	}
	return NULL;
}

static bool
taken(const BmColumns *columns, const char *name)
{
	for (int role = 0; role < BM_ROLES; role++)
		if (columns->name[role] && strcmp(columns->name[role], name) == 0)
			return true;
	return false;
}

static bool
serves(const BmColumns *columns, Oid relid, const char *name, TypeFn fits)
{
	return !taken(columns, name) && fits(getBaseType(get_atttype(relid, get_attnum(relid, name))));
}

/* The one column that is a point in time, or NULL when there are several or none. */
static char *
only_time(const BmColumns *columns, Oid relid, char **names, int n)
{
	char *found = NULL;

	for (int i = 0; i < n; i++)
	{
		Oid type = getBaseType(get_atttype(relid, get_attnum(relid, names[i])));

		if (taken(columns, names[i]) ||
			(type != TIMESTAMPTZOID && type != TIMESTAMPOID && type != DATEOID))
			continue;
		if (found)
			return NULL;
		found = names[i];
	}
	return found;
}

static char *
guess(const BmColumns *columns, Oid relid, char **names, int n, BmRole role)
{
	for (const char *const *word = roles[role].words; *word; word++)
		for (int i = 0; i < n; i++)
		{
			char squeezed[NAMEDATALEN];

			squeeze(squeezed, names[i]);
			if (strcmp(squeezed, *word) == 0 && serves(columns, relid, names[i], roles[role].fits))
				return names[i];
		}
	return role == BM_ROLE_TS ? only_time(columns, relid, names, n) : NULL;
}

static void
not_found(Oid relid, char **names, int n, BmRole role)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < n; i++)
		appendStringInfo(&list, "%s%s %s", i ? ", " : "", quote_identifier(names[i]),
						 format_type_be(get_atttype(relid, get_attnum(relid, names[i]))));
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
					errmsg("no column of relation %s looks like the %s", bm_relation_name(relid),
						   roles[role].what),
					errdetail("Its columns are: %s.", list.data),
					errhint("Name the column: behav_source(..., %s => 'my_column').",
							roles[role].argument)));
}

void
bm_guess_columns(BmColumns *columns, Oid relid)
{
	int n;
	char **names = bm_relation_columns(relid, &n);

	for (int role = 0; role < BM_ROLES; role++)
	{
		if (columns->name[role])
			continue;
		columns->name[role] = guess(columns, relid, names, n, role);
		columns->guessed[role] = columns->name[role] != NULL;
		if (!columns->name[role] && roles[role].required)
			not_found(relid, names, n, role);
	}
}
