// Files by Apache POI: java -cp JARS MakeFiles.java FOLDER SECTION... SENTENCE...

import java.awt.Rectangle;
import java.io.FileOutputStream;
import java.io.OutputStream;
import org.apache.poi.hslf.usermodel.HSLFSlideShow;
import org.apache.poi.hslf.usermodel.HSLFTextBox;
import org.apache.poi.hssf.usermodel.HSSFRow;
import org.apache.poi.hssf.usermodel.HSSFSheet;
import org.apache.poi.hssf.usermodel.HSSFWorkbook;

public class MakeFiles {
    public static void main(String[] words) throws Exception {
        int count = (words.length - 1) / 2;
        HSSFWorkbook book = new HSSFWorkbook();
        HSSFSheet sheet = book.createSheet("Rules 2026");
        HSLFSlideShow deck = new HSLFSlideShow();
        fill(sheet.createRow(0), "section", "rule");
        for (int i = 1; i <= count; i++) {
            fill(sheet.createRow(i), words[i], words[count + i]);
            HSLFTextBox box = deck.createSlide().createTextBox();
            box.setAnchor(new Rectangle(50, 50, 500, 100));
            box.setText(words[i] + ": " + words[count + i]);
        }
        try (OutputStream target = new FileOutputStream(words[0] + "/POI.xls")) { book.write(target); }
        try (OutputStream target = new FileOutputStream(words[0] + "/POI.ppt")) { deck.write(target); }
    }

    private static void fill(HSSFRow row, String first, String second) {
        row.createCell(0).setCellValue(first);
        row.createCell(1).setCellValue(second);
    }
}
